"""DICOM images: upload, de-identification and a stack viewer."""
