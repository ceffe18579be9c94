"""What benchmarks share: data sets, clocks, rows of results, tables and pages."""
