// expect: completed | /(?:a(?:a
new RegExp("(?:a".repeat(1e5) + ")*".repeat(1e5));
