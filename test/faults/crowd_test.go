package faults

import (
	"strings"
	"sync"

	"github.com/vial-run/vial/test/integration/bed"
)

// oneID: of many that want one id, one gets it, and the others do it no harm.
func oneID(f *fault) {
	f.first()
	for range max(1, 4/slow()) {
		const many = 50
		processes := make([]*bed.Process, many)
		for i := range processes {
			processes[i] = f.Launch("create", "--bundle", f.Dir, "--pid-file", f.Path("pid"), f.ID)
		}
		made := 0
		for _, p := range processes {
			r := p.Wait()
			if r.Status == 0 {
				made++
				continue
			}
			r.Fails("create " + f.ID + ": container with given ID already exists")
		}
		if s := f.Status(); made != 1 || s != "created" {
			f.T.Errorf("%d creates succeeded, and it is %q", made, s)
		}
		f.Adopt(f.Path("pid"))
		f.Vial("start", f.ID).OK()
		f.Vial("delete", "--force", f.ID).OK()
		f.asBefore("many creates of one id")
	}
}

// crowd makes, starts and deletes many containers, each step of all at once, in
// one state root.
func crowd(f *fault) {
	f.first()
	all := make([]*bed.Bundle, 200/min(slow(), 4))
	for i := range all {
		all[i] = f.Beside()
		all[i].Root = f.Root
	}
	together := func(what string, step func(b *bed.Bundle) *bed.Result) {
		f.T.Helper()
		var group sync.WaitGroup
		results := make([]*bed.Result, len(all))
		for i, b := range all {
			group.Go(func() { results[i] = step(b) })
		}
		group.Wait()
		for _, r := range results {
			if r.Status != 0 || r.Stderr != "" {
				f.T.Errorf("%s: status %d: %s", what, r.Status, r.Stderr)
			}
		}
		f.by.check(f.T)
	}
	together("create", func(b *bed.Bundle) *bed.Result { return b.Create("sleep") })
	if n := strings.Count(f.Vial("list", "-q").OK().Stdout, "\n"); n != len(all) {
		f.T.Errorf("list has %d containers, want %d", n, len(all))
	}
	together("start", func(b *bed.Bundle) *bed.Result { return b.Vial("start", b.ID) })
	together("state", func(b *bed.Bundle) *bed.Result { return b.Vial("state", b.ID) })
	together("delete", func(b *bed.Bundle) *bed.Result { return b.Vial("delete", "--force", b.ID) })
	for _, b := range all {
		b.NothingLeft()
	}
	f.asBefore("a crowd")
}
