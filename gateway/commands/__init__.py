"""The commands, one file each: `NAME`, and `run`, whose signature is the command's arguments and options."""
