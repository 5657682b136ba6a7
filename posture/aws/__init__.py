"""What an answer of AWS says, where a room reads it and a control judges it: read once, and judged by neither."""
