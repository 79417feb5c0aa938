#!/usr/bin/env node
// npm makes the link to a program only if the file is there when it installs, and the bundle is
// built after that.
import '../bundle/main.js'
