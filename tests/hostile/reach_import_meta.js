// expect: failed | SyntaxError
import.meta.url;
