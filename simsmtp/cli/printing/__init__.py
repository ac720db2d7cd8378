"""What commands print: tables for people, documents for programs, and the terminal and streams they go to."""
