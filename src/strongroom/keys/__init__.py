"""What a key is and may do: values, tables and formats.  Nothing here reads a clock or a file."""
