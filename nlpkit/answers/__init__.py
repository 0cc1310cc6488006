"""Answers as files: one for each text, beside the columns that it came with, and of many files a file each."""
