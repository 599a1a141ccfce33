"""The methods this library grew from: each paper's rule as published, and as this library does it."""
