package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// A Store is a root directory of containers.
type Store struct{ root string }

// Open is the store at root, an absolute path. It touches nothing.
func Open(root string) Store { return Store{root: root} }

// Path is the directory of a container, for what needs a name.
func (s Store) Path(id string) string { return s.root + "/" + id }

// Modes: the root is nobody else's business; a container's directory can be
// passed through, so that a container's own user reaches what is mounted from it.
const (
	rootMode = 0o700
	dirMode  = 0o711
)

// tries bounds how often a directory may vanish between its making and its lock.
const tries = 100

// Create makes and locks the directory of a new container. When it finds what a
// killed create has left, it hands that over with Stale set: the caller cleans
// up after the Record, calls Clear, and may then go on as with a fresh one.
func (s Store) Create(id string) (*Dir, error) {
	if err := CheckID(id); err != nil {
		return nil, err
	}
	root, err := s.open()
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(s.root, rootMode); err != nil {
			return nil, fmt.Errorf("state root: %w", err)
		}
		root, err = s.open()
	}
	if err != nil {
		return nil, err
	}
	d, err := create(root, s.root, id)
	if err != nil {
		unix.Close(root)
	}
	return d, err
}

func create(root int, path, id string) (*Dir, error) {
	for range tries {
		err := unix.Mkdirat(root, id, dirMode)
		fresh := err == nil
		if !fresh && err != unix.EEXIST {
			return nil, fmt.Errorf("mkdir %s/%s: %w", path, id, err)
		}
		d, err := lock(root, path, id, unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == ErrNotExist: // another one's cleanup was between
			continue
		case err == unix.EWOULDBLOCK:
			return nil, ErrExist
		case err != nil && !fresh:
			return nil, fmt.Errorf("%w: %w", ErrExist, err)
		case err != nil:
			unix.Unlinkat(root, id, unix.AT_REMOVEDIR)
			return nil, err
		}
		// One's own directory may be another's by now, who got the lock first.
		if err := d.takeStale(fresh); err != nil {
			var errno unix.Errno
			if fresh && errors.As(err, &errno) && unix.Unlinkat(root, id, unix.AT_REMOVEDIR) == nil {
				err = fmt.Errorf("open %s/%s/%s: %w", path, id, recordName, errno) // it was empty, and so one's own
			}
			d.unlock()
			return nil, err
		}
		if fresh && d.Record.ID == "" {
			d.Stale = false
		}
		return d, nil
	}
	return nil, fmt.Errorf("mkdir %s/%s: it vanished %d times", path, id, tries)
}

// takeStale accepts an existing directory, which is locked now, if nothing in it
// is a container.
func (d *Dir) takeStale(fresh bool) error {
	err := d.load()
	if errors.Is(err, ErrNotExist) && !fresh {
		err = d.loadFirst()
	}
	switch {
	case errors.Is(err, ErrNotExist):
	case err != nil:
		return fmt.Errorf("%w: %w", ErrExist, err)
	case !d.leftover():
		return ErrExist
	}
	d.Stale = true
	return nil
}

// judge finds out what the directory, which is locked now, holds. An error says
// that this could not be told.
func (d *Dir) judge() error {
	err := d.load()
	if err == nil {
		d.Stale = d.leftover()
		return nil
	}
	first := d.loadFirst()
	if errors.Is(err, ErrNotExist) || !errors.Is(first, ErrNotExist) && !isDamage(first) {
		err = first
	}
	switch {
	case errors.Is(err, ErrNotExist):
		d.Stale = true
	case isDamage(err):
		d.Damage = err
	default:
		return err
	}
	return nil
}

// loadFirst looks for the first record, which is there if the container was
// whole once. Without the other one that is damage.
func (d *Dir) loadFirst() error {
	first, err := read(d.fd, firstName, d.ID)
	switch {
	case err == nil:
		d.Record = first
		return damaged(d.ID, errMissing)
	case isDamage(err):
		return damaged(d.ID, errMissing)
	}
	return err
}

// leftover tells whether the record is that of a create that was killed.
func (d *Dir) leftover() bool {
	if d.Record.Phase == PhaseCreating {
		return true
	}
	before, err := read(d.fd, tempName, d.ID)
	if err != nil || before.Phase != PhaseCreating {
		return false
	}
	bootID, err := BootID()
	if err != nil {
		return false
	}
	alive, err := d.Record.Alive(bootID)
	return err == nil && !alive
}

// Load locks the directory of a container and reads its record. It waits for a
// command that has the lock. What a killed create has left does not exist.
func (s Store) Load(id string) (*Dir, error) {
	d, err := s.LoadAny(id)
	if err != nil {
		return nil, err
	}
	if err = d.Damage; err == nil && d.Stale {
		err = ErrNotExist
	}
	if err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// LoadAny is Load for who removes: it gives the leftovers of a killed create
// too, with Stale set, and a directory whose record cannot be read, with Damage
// set to the reason. The Record is then the first one, or empty.
func (s Store) LoadAny(id string) (*Dir, error) {
	if err := CheckID(id); err != nil {
		return nil, err
	}
	root, err := s.open()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotExist
	}
	if err != nil {
		return nil, err
	}
	d, err := lock(root, s.root, id, unix.LOCK_EX)
	if err != nil {
		unix.Close(root)
		return nil, err
	}
	if err := d.judge(); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// Peek reads a container's record without its lock: a moment's view, which may
// be of a container in the making (PhaseCreating).
func (s Store) Peek(id string) (Record, error) {
	if err := CheckID(id); err != nil {
		return Record{}, err
	}
	root, err := s.open()
	if errors.Is(err, fs.ErrNotExist) {
		return Record{}, ErrNotExist
	}
	if err != nil {
		return Record{}, err
	}
	defer unix.Close(root)
	return read(root, id+"/"+recordName, id)
}

// OpenFifo is Dir.OpenFifo without the container's lock.
func (s Store) OpenFifo(id, name string, access int) (int, error) {
	if err := CheckID(id); err != nil {
		return -1, err
	}
	root, err := s.open()
	if err != nil {
		return -1, err
	}
	defer unix.Close(root)
	dir, err := openat2(root, id, &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
	})
	if err != nil {
		return -1, fmt.Errorf("open %s/%s: %w", s.root, id, err)
	}
	d := Dir{ID: id, Path: s.root + "/" + id, fd: dir}
	defer unix.Close(dir)
	return d.OpenFifo(name, access)
}

// An Entry is one container of List.
type Entry struct {
	ID     string
	UID    uint32 // owner of the container's directory
	Record Record
	Err    error // why the record could not be read
}

// List reads the records of all containers, in the order of their ids. What is
// no container (a file, a name that is no id, a directory without a record) is
// passed over. A root that does not exist is fs.ErrNotExist.
func (s Store) List() ([]Entry, error) {
	root, err := s.open()
	if err != nil {
		return nil, err
	}
	defer unix.Close(root)
	var ids []string
	dir, err := retry(func() (int, error) { // root is an O_PATH descriptor
		return unix.Openat(root, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	})
	if err == nil {
		ids, err = names(dir)
		unix.Close(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("state root %s: %w", s.root, err)
	}
	slices.Sort(ids)
	var list []Entry
	for _, id := range ids {
		var st unix.Stat_t
		if CheckID(id) != nil || unix.Fstatat(root, id, &st, unix.AT_SYMLINK_NOFOLLOW) != nil || st.Mode&unix.S_IFMT != unix.S_IFDIR {
			continue
		}
		r, err := read(root, id+"/"+recordName, id)
		if errors.Is(err, ErrNotExist) {
			continue
		}
		list = append(list, Entry{ID: id, UID: st.Uid, Record: r, Err: err})
	}
	return list, nil
}

// open opens the root, unless somebody else could put things into it: whoever
// can write there chooses which processes are killed and what is removed.
func (s Store) open() (int, error) {
	fd, err := retry(func() (int, error) {
		return unix.Open(s.root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return -1, fmt.Errorf("state root %s: %w", s.root, err)
	}
	var st unix.Stat_t
	if err = unix.Fstat(fd, &st); err == nil {
		switch me := os.Geteuid(); {
		case st.Mode&0o002 != 0:
			err = errors.New("everyone can write to it; use a directory of its own, or chmod 0700")
		case int(st.Uid) != me:
			err = fmt.Errorf("it belongs to uid %d, not to %d", st.Uid, me)
		}
	}
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("state root %s: %w", s.root, err)
	}
	return fd, nil
}

// read reads the record of id that is at path below root.
func read(root int, path, id string) (Record, error) {
	// Not only the last component may be no link, which O_NOFOLLOW would see to.
	// O_NONBLOCK: somebody's fifo of that name must not hang us.
	how := unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV,
	}
	fd, err := openat2(root, path, &how)
	return readRecord(fd, err, id)
}

// openat2 retries: besides a signal, EAGAIN says that a rename elsewhere made
// the kernel unsure of a lookup with RESOLVE_BENEATH (openat2(2)).
func openat2(dir int, path string, how *unix.OpenHow) (int, error) {
	for n := 0; ; n++ {
		fd, err := retry(func() (int, error) { return unix.Openat2(dir, path, how) })
		if err != unix.EAGAIN || n == 128 {
			return fd, err
		}
	}
}
