// expect: completed | 5
debugger;
5;
