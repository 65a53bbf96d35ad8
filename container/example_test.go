package container_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/vial-run/vial/container"
	"golang.org/x/sys/unix"
)

// newBundle is a directory with a config.json, and a rootfs that holds one static
// program, /probe, which does what its arguments say. The examples run as tests,
// as root.
func newBundle(args ...string) (bundle string, remove func()) {
	bundle, err := os.MkdirTemp("", "example-")
	check(err)
	check(os.Mkdir(filepath.Join(bundle, "rootfs"), 0o755))
	check(os.Link(os.Getenv("VIAL_TEST_PROBE"), filepath.Join(bundle, "rootfs", "probe")))
	spec, err := container.DefaultSpec()
	check(err)
	spec.Process.Terminal, spec.Process.Args = false, append([]string{"/probe"}, args...)
	spec.Linux.CgroupsPath = "/" + filepath.Base(bundle) // others may run the same test now
	text, err := container.EncodeSpec(spec)
	check(err)
	check(os.WriteFile(filepath.Join(bundle, "config.json"), text, 0o600))
	return bundle, func() { check(os.RemoveAll(bundle)) }
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// The whole life of a container: it is made, runs, and is removed.
func Example() {
	bundle, remove := newBundle("print", "hello from inside", "exit", "3")
	defer remove()

	runtime := &container.Runtime{Root: filepath.Join(bundle, "state")}
	status, err := runtime.Run("example", container.RunOptions{
		Options: container.Options{Bundle: bundle, Stdout: os.Stdout},
	})
	check(err)
	fmt.Println("exit status", status)
	// Output:
	// hello from inside
	// exit status 3
}

// A container in the background, what it prints, and its exit status.
func ExampleRuntime_Wait() {
	bundle, remove := newBundle("print", "hello")
	defer remove()
	runtime := &container.Runtime{Root: filepath.Join(bundle, "state")}

	read, write, err := os.Pipe()
	check(err)
	check(runtime.Create("example", container.Options{Bundle: bundle, Stdout: write}))
	check(write.Close()) // the container has it now
	state, err := runtime.State("example")
	check(err)
	fmt.Println(state.Status)

	check(runtime.Start("example"))
	text, err := io.ReadAll(read)
	check(err)
	fmt.Printf("%s", text)

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	status, err := runtime.Wait(ctx, "example")
	check(err)
	fmt.Println("exit status", status)
	check(runtime.Delete("example", container.Gentle))
	// Output:
	// created
	// hello
	// exit status 0
}

// One more process in a container that runs.
func ExampleRuntime_ExecWait() {
	bundle, remove := newBundle("sleep")
	defer remove()
	runtime := &container.Runtime{Root: filepath.Join(bundle, "state")}
	check(runtime.RunDetached("example", container.Options{Bundle: bundle}))
	defer func() { check(runtime.Delete("example", container.Force)) }()

	status, err := runtime.ExecWait("example", container.ExecOptions{
		Args: []string{"/probe", "print", "hello from a second process"}, Stdout: os.Stdout,
	})
	check(err)
	fmt.Println("exit status", status)
	// Output:
	// hello from a second process
	// exit status 0
}

// Errors that have a meaning for the caller are values.
func ExampleRuntime_Kill() {
	bundle, remove := newBundle("sleep")
	defer remove()
	runtime := &container.Runtime{Root: filepath.Join(bundle, "state")}
	check(runtime.RunDetached("example", container.Options{Bundle: bundle}))

	check(runtime.Kill("example", unix.SIGKILL, container.FirstProcess))
	status, err := runtime.Wait(context.Background(), "example")
	check(err)
	fmt.Println("exit status", status)
	err = runtime.Kill("example", unix.SIGKILL, container.FirstProcess)
	fmt.Println(err, errors.Is(err, container.ErrNotRunning))
	check(runtime.Delete("example", container.Gentle))
	_, err = runtime.State("example")
	fmt.Println(err, errors.Is(err, container.ErrNotExist))
	// Output:
	// exit status 137
	// kill example: container not running true
	// state example: container does not exist true
}
