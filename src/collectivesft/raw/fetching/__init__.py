"""Download, resume and record raw files."""
