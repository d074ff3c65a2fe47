"""What is done with the audit: its chain, anchors outside, export. Writing it is `audit`."""
