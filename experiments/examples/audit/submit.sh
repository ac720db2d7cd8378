#!/bin/sh
# Hands the message to your server. Here with its sendmail command; swaks or a few lines of SMTP do as well.
# shellcheck disable=SC2046
tr -d '\r' | /usr/sbin/sendmail -i -f "$AUDIT_SENDER" -- $(cat "$AUDIT_RECIPIENTS")
