"""What is measured: data, requests and how close the answers must be, one file each."""
