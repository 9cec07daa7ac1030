// expect: failed | SyntaxError
`${"abc
