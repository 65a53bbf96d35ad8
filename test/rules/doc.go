// Package rules holds the rules of this repository as tests, so that none of
// them depends on who reviews: who may import whom, what a package may touch,
// how long things may be, which words engines match in vial's messages.
//
// What comes in: the tree of the repository, as text and as syntax. What goes
// out: one line for each place that breaks a rule, in the form path:line:
// what, and why. Each rule has a file. An exception stands in that file's table
// with its reason, and one that is no longer needed is a failure too.
//
// Every rule is seen failing in each run: rules_test.go has a small bad tree
// for each, with the exact line that the rule must say about it.
package rules
