"""What an answer of Azure says, where a room shows it and a control judges it: read once, and judged by neither."""
