// expect: failed | SyntaxError: Expected ident
1;
#!/usr/bin/env node
