// expect: failed | SyntaxError
(0, eval)("%DebugPrint(1)");
