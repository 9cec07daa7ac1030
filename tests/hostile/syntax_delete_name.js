// expect: completed | false
var a = 1; delete a;
