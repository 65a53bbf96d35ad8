package image

import (
	"fmt"
	"testing"

	"github.com/vial-run/vial/internal/program"
	"github.com/vial-run/vial/internal/program/vm"
	"golang.org/x/sys/unix"
)

// sizeBudget is how large an interpreter may be, in bytes.
const sizeBudget = 320

func TestInterpreterSize(t *testing.T) {
	onMachines(t, func(t *testing.T, m machine) {
		t.Logf("%d bytes", len(m.code))
		if len(m.code) == 0 || len(m.code) > sizeBudget {
			t.Errorf("the interpreter has %d bytes, the budget is %d", len(m.code), sizeBudget)
		}
		// The last instruction is the undefined one, as the CPU's manual has
		// it: ud2, udf #0. So the end mark was found, and nothing before it.
		last := map[program.CPU]string{program.AMD64: "\x0f\x0b", program.ARM64: "\x00\x00\x00\x00"}[m.cpu]
		if got := string(m.code[max(0, len(m.code)-len(last)):]); got != last {
			t.Errorf("the interpreter ends with % x, want % x", got, last)
		}
	})
}

func TestInterpreter(t *testing.T) {
	onMachines(t, func(t *testing.T, m machine) {
		for _, p := range tinies {
			t.Run(p.name, func(t *testing.T) {
				if got := m.run(t, p.encode(t, m.cpu), p.input); got != p.want() {
					t.Errorf("\n got %+q\nwant %+q", got, p.want())
				}
			})
		}
	})
}

// TestVM holds the interpreter in Go to the same table, so that what the tests
// of other packages find out with it is true of the real ones.
func TestVM(t *testing.T) {
	for _, p := range tinies {
		if p.kernel {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			if got := runVM(t, p.encode(t, program.AMD64), p.input); got != p.want() {
				t.Errorf("\n got %+q\nwant %+q", got, p.want())
			}
		})
	}
}

// TestRandomPrograms compares the interpreters with the one in Go on programs
// that nobody has thought of.
func TestRandomPrograms(t *testing.T) {
	onMachines(t, func(t *testing.T, m machine) {
		seeds := uint64(300)
		if m.by != nil || testing.Short() {
			seeds = 30
		}
		for seed := range seeds {
			p := random(seed)
			want := runVM(t, p.encode(t, program.AMD64), "")
			if got := m.run(t, p.encode(t, m.cpu), ""); got != want {
				t.Errorf("seed %d:\n got %+q\nwant %+q", seed, got, want)
			}
		}
	})
}

// A scripted kernel knows the calls of the table, and is no more than that.
type scripted struct {
	ending
	input string
}

func runVM(t *testing.T, encoded []byte, input string) ending {
	t.Helper()
	k := &scripted{input: input}
	if _, err := vm.Run(encoded, nil, k); err != nil {
		t.Fatal(err)
	}
	return k.ending
}

func (k *scripted) Call(p *vm.Process, number uint64, args [6]uint64) (vm.Answer, error) {
	switch number {
	case program.SysWrite.On(program.AMD64):
		b, err := p.Memory.Bytes(args[1], args[2])
		if args[0] == 1 {
			k.output += string(b)
		} else {
			k.failure += string(b)
		}
		return vm.Answer{Result: int64(len(b))}, err
	case foreign[program.AMD64].splice:
		off, err := p.Memory.Word(args[1])
		if err != nil || args != [6]uint64{0, args[1], 1, 0, 5, 0} {
			return vm.Answer{}, fmt.Errorf("splice%v: %w", args, err)
		}
		k.output += k.input[off:][:args[4]]
		return vm.Answer{Result: int64(args[4])}, nil
	case program.SysClose.On(program.AMD64):
		return vm.Answer{Result: -int64(unix.EBADF)}, nil
	case program.SysExitGroup.On(program.AMD64):
		k.status = fmt.Sprintf("exit status %d", args[0])
		return vm.Answer{Effect: vm.Exit}, nil
	}
	return vm.Answer{}, fmt.Errorf("system call %d%v", number, args)
}
