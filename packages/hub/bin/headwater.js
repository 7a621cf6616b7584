#!/usr/bin/env node
// A file that is there before anything is built, or npm would not link the command in a clone.
import '../dist/cli/main.js'
