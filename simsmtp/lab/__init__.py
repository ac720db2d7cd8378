"""The lab: real mail servers in two network namespaces joined by a line with a delay; measured sessions as rows."""
