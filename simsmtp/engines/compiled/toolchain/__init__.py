"""How Python becomes machine code: what is compiled, as one program, with checked integers, and kept on disk."""
