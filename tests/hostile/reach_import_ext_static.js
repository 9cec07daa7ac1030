// expect: failed
import { core } from "ext:core/mod.js";
core;
