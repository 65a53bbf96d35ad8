package main

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// writeInitramfs makes what a machine's kernel unpacks: the first program, the
// drivers that it loads, in the order of their names, and the payload.
func writeInitramfs(path string, p payload, k kernel, m machine) error {
	drivers, err := k.load(m.modules)
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	buffered := bufio.NewWriterSize(f, 1<<20)
	w := &cpio{w: buffered}
	first, err := os.ReadFile(filepath.Join(p.root, "bin", "init"))
	if err != nil {
		return err
	}
	w.file("init", 0o755, first)
	for _, dir := range []string{"dev", "proc", "sys", "newroot", "drivers"} {
		w.dir(dir)
	}
	for i, d := range drivers {
		w.file(fmt.Sprintf("drivers/%03d-%s.ko", i, d.name), 0o644, d.text)
	}
	w.file("settings", 0o644, []byte(strings.Join(m.settings, "\n")+"\n"))
	if err := w.tree("payload", p.root); err != nil {
		return err
	}
	w.end()
	if w.err != nil {
		return w.err
	}
	return buffered.Flush()
}

// A cpio writes an archive in the format "newc" (the kernel's
// driver-api/early-userspace/buffer-format). The first error stays.
type cpio struct {
	w   io.Writer
	ino int
	err error
}

func (c *cpio) dir(name string) { c.entry(name, 0o040755, 2, nil) }

func (c *cpio) file(name string, mode fs.FileMode, text []byte) {
	c.entry(name, 0o100000|uint32(mode.Perm()), 1, text)
}

func (c *cpio) end() { c.entry("TRAILER!!!", 0, 1, nil) }

func (c *cpio) entry(name string, mode uint32, links int, text []byte) {
	c.ino++
	header := fmt.Sprintf("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		c.ino, mode, 0, 0, links, 0, len(text), 0, 0, 0, 0, len(name)+1, 0)
	c.write([]byte(header + name + "\x00"))
	c.pad(len(header) + len(name) + 1)
	c.write(text)
	c.pad(len(text))
}

// pad goes on to a multiple of four.
func (c *cpio) pad(n int) { c.write(make([]byte, -n&3)) }

func (c *cpio) write(b []byte) {
	if c.err == nil {
		_, c.err = c.w.Write(b)
	}
}

// tree adds a directory and all that is below it.
func (c *cpio) tree(name, root string) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		inside := filepath.Join(name, relative)
		if entry.IsDir() {
			c.dir(inside)
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		c.file(inside, info.Mode(), text)
		return nil
	})
}
