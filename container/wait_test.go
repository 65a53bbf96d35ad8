package container

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// waited is what Wait says.
func (b *bed) waited(id string, want int) {
	b.t.Helper()
	status, err := b.Wait(context.Background(), id)
	b.ok(err)
	if status != want {
		b.t.Errorf("exit status %d, want %d", status, want)
	}
}

func TestWait(t *testing.T) {
	b := newBed(t, "exit", "7")
	b.delete(b.created()) // makes the mount points
	before := b.picture()
	t.Run("before the end", func(t *testing.T) {
		id := b.created()
		started := make(chan error)
		go func() { started <- b.Start(id) }()
		b.waited(id, 7)
		b.ok(<-started)
		b.ok(b.Delete(id, Gentle))
		b.unchanged(&before)
	})
	t.Run("after the end", func(t *testing.T) {
		id := b.id()
		b.ok(b.RunDetached(id, b.options()))
		eventually(t, "it has stopped", func() bool { return b.status(id) == Stopped })
		b.waited(id, 7)
		if _, err := b.Wait(context.Background(), id); !errors.Is(err, ErrNotChild) {
			t.Errorf("a second time: %v", err)
		}
		b.ok(b.Delete(id, Gentle))
		b.unchanged(&before)
	})
	for _, signal := range []unix.Signal{unix.SIGKILL, unix.SIGTERM} {
		t.Run("ended by "+unix.SignalName(signal), func(t *testing.T) {
			id := b.created()
			b.ok(b.Kill(id, signal, FirstProcess))
			b.waited(id, 128+int(signal))
			b.ok(b.Delete(id, Gentle))
			b.unchanged(&before)
		})
	}
	t.Run("deleted meanwhile", func(t *testing.T) {
		id := b.created()
		got := make(chan error)
		go func() {
			status, err := b.Wait(context.Background(), id)
			got <- errors.Join(err, statusIs(status, 128+9))
		}()
		eventually(t, "somebody waits", func() bool { return b.awaited.has(id) })
		_ = b.Delete(id, Force)
		// It is either, but no zombie and no other status.
		if err := <-got; err != nil && !errors.Is(err, ErrNotExist) && !errors.Is(err, ErrNotChild) {
			t.Error(err)
		}
	})
}

func statusIs(status, want int) error {
	if status != want {
		return fmt.Errorf("exit status %d, want %d", status, want)
	}
	return nil
}

func TestWaitGivesUp(t *testing.T) {
	b := newBed(t, "sleep")
	id := b.created()
	before := b.picture()
	ctx, cancel := context.WithCancelCause(context.Background())
	enough := errors.New("enough")
	go func() {
		eventually(t, "somebody waits", func() bool { return b.awaited.has(id) })
		cancel(enough)
	}()
	if _, err := b.Wait(ctx, id); !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
	if _, err := b.Wait(ctx, id); !errors.Is(err, enough) {
		t.Errorf("with an ended context: %v", err)
	}
	b.unchanged(&before)
	if b.status(id) != Created {
		t.Errorf("it is %s", b.status(id))
	}
}

func TestWaitForWhatIsNotThere(t *testing.T) {
	b := newBed(t, "sleep")
	if _, err := b.Wait(context.Background(), "none"); !errors.Is(err, ErrNotExist) {
		t.Errorf("no container: %v", err)
	}
	id := b.id()
	b.writeSpec()
	b.says(b.vial("create", id), answer{})
	// As a subreaper this process would be its parent.
	record, err := b.store().Peek(id)
	b.ok(err)
	record.StartTime++ // as if the number were that of another child
	if _, err := childPidfd(record, 0); !errors.Is(err, ErrNotChild) {
		t.Errorf("another child: %v", err)
	}
	record.Pid = os.Getpid()
	if _, err := childPidfd(record, 0); !errors.Is(err, ErrNotChild) {
		t.Errorf("no child: %v", err)
	}
}

// TestDeleteBuries: a program that deletes without having waited keeps no zombie.
func TestDeleteBuries(t *testing.T) {
	b := newBed(t, "sleep")
	b.delete(b.created())
	before := b.picture()
	id := b.created()
	b.ok(b.Delete(id, Force))
	b.unchanged(&before)
	id = b.created()
	b.ok(b.Kill(id, unix.SIGKILL, FirstProcess))
	eventually(t, "it has stopped", func() bool { return b.status(id) == Stopped })
	b.ok(b.Delete(id, Gentle))
	b.unchanged(&before)
}

func TestStdioOfOptions(t *testing.T) {
	b := newBed(t, "copy", "warn", "aside")
	in, feed, err := os.Pipe()
	b.ok(err)
	_, err = feed.WriteString("through")
	b.ok(err)
	feed.Close()
	out, say, err := os.Pipe()
	b.ok(err)
	o := b.options()
	o.Stdin, o.Stdout, o.Stderr = in, say, say
	status, err := b.Run(b.id(), RunOptions{Options: o})
	b.ok(errors.Join(err, statusIs(status, 0)))
	in.Close()
	say.Close()
	text, err := io.ReadAll(out)
	b.ok(err)
	out.Close()
	if got := string(text); got != "throughaside\n" && got != "aside\nthrough" {
		t.Errorf("got %q", got)
	}
	if err := b.Create(b.id(), o); err == nil || !strings.HasSuffix(err.Error(), ": stdin: file already closed") {
		t.Errorf("a closed file: %v", err)
	}
}

// TestProgramOfContainers is a program that runs many containers at once, and
// has nothing left of them.
func TestProgramOfContainers(t *testing.T) {
	b := newBed(t, "copy", "exit", "3")
	b.delete(b.created()) // makes the mount points
	_, err := b.Run(b.id(), RunOptions{Options: Options{Bundle: b.bundle, Spec: b.spec, Stdin: null(t)}})
	b.ok(err)
	var ids [crowd]string
	for i := range ids {
		ids[i] = b.id()
	}
	// The poller of Wait and of the pipes is there already.
	before, goroutines := b.picture(), runtime.NumGoroutine()
	errs := atOnce(crowd, func(i int) error { return b.liveOn(ids[i], i) })
	wins(t, errs, none)
	b.unchanged(&before)
	eventually(t, "the goroutines are gone", func() bool { return runtime.NumGoroutine() <= goroutines })
}

func null(t *testing.T) *os.File {
	t.Helper()
	f, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// liveOn is the life of one container, by one of two ways, with an exec in it.
func (b *bed) liveOn(id string, i int) error {
	in, feed, err := os.Pipe()
	if err != nil {
		return err
	}
	defer in.Close()
	defer feed.Close()
	out, say, err := os.Pipe()
	if err != nil {
		return err
	}
	defer out.Close()
	defer say.Close()
	o := b.options()
	o.Stdin, o.Stdout = in, say
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if i%2 == 0 {
		err = b.RunDetached(id, o)
	} else if err = b.Create(id, o); err == nil {
		err = b.Start(id)
	}
	if err != nil {
		return err
	}
	say.Close()
	status, err := b.ExecWait(id, ExecOptions{Args: []string{"/probe", "exit", "5"}})
	if err = errors.Join(err, statusIs(status, 5)); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(feed, "to %d and back", i); err != nil {
		return err
	}
	feed.Close()
	text, err := io.ReadAll(out)
	if got, want := string(text), fmt.Sprintf("to %d and back", i); err == nil && got != want {
		err = fmt.Errorf("got %q, want %q", got, want)
	}
	if err != nil {
		return err
	}
	if status, err = b.Wait(ctx, id); err != nil || status != 3 {
		return errors.Join(err, statusIs(status, 3))
	}
	return b.Delete(id, Gentle)
}
