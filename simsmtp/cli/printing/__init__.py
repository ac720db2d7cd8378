"""What commands print: tables for people, documents for programs, and the terminal they go to."""
