"""Speed and memory, always side by side with the alternative and in one run."""
