// expect: completed
({ get a() { throw new Error("no"); } });
