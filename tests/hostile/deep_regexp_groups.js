// expect: failed/completed
new RegExp("(?:a".repeat(1e5) + ")*".repeat(1e5));
