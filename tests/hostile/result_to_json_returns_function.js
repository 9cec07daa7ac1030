// expect: completed
({ toJSON: () => () => 1 });
