"""COPC 1.0 and LAS 1.4 as bytes: headers, variable length records, hierarchy, the writer."""
