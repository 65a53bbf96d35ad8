package config

import (
	"math/rand/v2"
	"reflect"
	"strconv"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// A filler sets the fields of a value: all of them, or those that chance takes.
type filler struct {
	n    int        // makes every value differ from the others
	rand *rand.Rand // nil: everything is set
}

func (f *filler) fill(v reflect.Value) {
	f.n++
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(f.rand == nil || f.rand.IntN(2) == 0)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(int64(-f.n))
		if f.rand != nil {
			v.SetInt(int64(f.rand.Uint64()) >> (64 - v.Type().Bits()))
		}
	case reflect.Uint, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(f.n))
		if f.rand != nil {
			v.SetUint(f.rand.Uint64() >> (64 - v.Type().Bits()))
		}
	case reflect.String:
		v.SetString("text " + strconv.Itoa(f.n))
		if f.rand != nil {
			v.SetString(f.text())
		}
	case reflect.Pointer:
		if f.take() {
			v.Set(reflect.New(v.Type().Elem()))
			f.fill(v.Elem())
		}
	case reflect.Slice:
		for range f.count() {
			one := reflect.New(v.Type().Elem()).Elem()
			f.fill(one)
			v.Set(reflect.Append(v, one))
		}
	case reflect.Map:
		for range f.count() {
			if v.IsNil() {
				v.Set(reflect.MakeMap(v.Type()))
			}
			one := reflect.New(v.Type().Elem()).Elem()
			f.fill(one)
			v.SetMapIndex(reflect.ValueOf("key "+strconv.Itoa(f.n)), one)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if foreign(v.Type().Field(i).Type) {
				continue
			}
			f.fill(v.Field(i))
		}
	default:
		panic("the spec has a field of type " + v.Type().String())
	}
}

func (f *filler) take() bool { return f.rand == nil || f.rand.IntN(3) > 0 }

func (f *filler) count() int {
	if f.rand == nil {
		return 2
	}
	return f.rand.IntN(4)
}

func (f *filler) text() string {
	const runes = "ab \"\\/\n\t\x01é世🌍<&>\u2028="
	all := []rune(runes)
	out := make([]rune, f.rand.IntN(12))
	for i := range out {
		out[i] = all[f.rand.IntN(len(all))]
	}
	return string(out)
}

// foreign tells whether a section is for another platform.
func foreign(t reflect.Type) bool {
	switch t {
	case reflect.TypeFor[*specs.Solaris](), reflect.TypeFor[*specs.Windows](), reflect.TypeFor[*specs.VM](),
		reflect.TypeFor[*specs.ZOS](), reflect.TypeFor[*specs.FreeBSD]():
		return true
	}
	return false
}

// fullSpec has every field set that the spec has for Linux.
func fullSpec() *specs.Spec {
	s := new(specs.Spec)
	(&filler{}).fill(reflect.ValueOf(s).Elem())
	return s
}

// someSpec has a random part of the fields set, to random values.
func someSpec(seed uint64) *specs.Spec {
	s := new(specs.Spec)
	(&filler{rand: rand.New(rand.NewPCG(seed, 1))}).fill(reflect.ValueOf(s).Elem())
	return s
}
