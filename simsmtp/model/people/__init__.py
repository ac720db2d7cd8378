"""Who is who: people who are met again in other messages, and the addresses by which a trace names them."""
