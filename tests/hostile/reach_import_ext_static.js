// expect: failed | Importing ext: modules is only allowed
import { core } from "ext:core/mod.js";
core;
