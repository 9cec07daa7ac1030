// expect: failed | Regular expression too large
new RegExp("(?:a".repeat(1e5) + ")*".repeat(1e5));
