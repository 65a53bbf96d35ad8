package state

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

const (
	recordName = "state.json"
	tempName   = ".state.json.new"
	firstName  = ".state.json.first" // of before the container was whole, see Confirm
)

// A Dir is the locked directory of one container.
type Dir struct {
	ID     string
	Path   string // for messages, and for what needs a name, such as a mount's source
	Record Record // as loaded
	Stale  bool   // it holds the leftovers of a killed create; Record may be empty
	Damage error  // LoadAny only: why there is no Record but perhaps the first, which has the Cgroup and no Pid

	prepared Record
	root, fd int
}

// lock opens and locks the directory of id below root, which the Dir then owns.
// With LOCK_NB the error of a taken lock is a bare EWOULDBLOCK. When the one who
// had the lock before has removed the directory, the container does not exist,
// even if another of that name has been made since.
func lock(root int, path, id string, how int) (*Dir, error) {
	fd, err := retry(func() (int, error) {
		return unix.Openat(root, id, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
	switch err {
	case nil:
	case unix.ENOENT:
		return nil, ErrNotExist
	case unix.ENOTDIR, unix.ELOOP:
		return nil, fmt.Errorf("%s/%s is no directory", path, id)
	default:
		return nil, fmt.Errorf("open %s/%s: %w", path, id, err)
	}
	if _, err = retry(func() (int, error) { return 0, unix.Flock(fd, how) }); err == nil {
		err = settled(root, fd, id)
	}
	switch err {
	case nil:
		return &Dir{ID: id, Path: path + "/" + id, root: root, fd: fd}, nil
	case ErrNotExist, unix.EWOULDBLOCK:
	default:
		err = fmt.Errorf("lock %s/%s: %w", path, id, err)
	}
	unix.Close(fd)
	return nil, err
}

// settled is nil when fd, locked by now, is still what id names. It also mends
// a mode that the umask has cut.
func settled(root, fd int, id string) error {
	var locked, named unix.Stat_t
	if err := unix.Fstat(fd, &locked); err != nil {
		return err
	}
	switch err := unix.Fstatat(root, id, &named, unix.AT_SYMLINK_NOFOLLOW); {
	case err == unix.ENOENT:
		return ErrNotExist
	case err != nil:
		return err
	case named.Ino != locked.Ino || named.Dev != locked.Dev:
		return ErrNotExist
	case int(locked.Uid) != os.Geteuid():
		return fmt.Errorf("it belongs to uid %d", locked.Uid)
	case locked.Mode&0o7777 != dirMode:
		return unix.Fchmod(fd, dirMode)
	}
	return nil
}

// Fd is the directory's descriptor, for calls relative to it.
func (d *Dir) Fd() int { return d.fd }

// Release gives up the lock and keeps the directory open, for who waits while
// others may go on with the container.
func (d *Dir) Release() error { return unix.Flock(d.fd, unix.LOCK_UN) }

// Retake takes the lock again; ErrNotExist says that somebody has removed the
// directory meanwhile. The Record is as it was.
func (d *Dir) Retake() error {
	if _, err := retry(func() (int, error) { return 0, unix.Flock(d.fd, unix.LOCK_EX) }); err != nil {
		return fmt.Errorf("lock %s: %w", d.Path, err)
	}
	return settled(d.root, d.fd, d.ID)
}

// Close gives up the lock. A second time does nothing.
func (d *Dir) Close() error {
	if d.fd < 0 {
		return nil
	}
	d.unlock()
	return unix.Close(d.root)
}

func (d *Dir) unlock() {
	// The lock belongs to the open file, of which a child of ours in the moment
	// between fork and execve has a copy: closing would leave the lock with it.
	unix.Flock(d.fd, unix.LOCK_UN)
	unix.Close(d.fd)
	d.fd = -1
}

func (d *Dir) load() error {
	fd, err := retry(func() (int, error) {
		return unix.Openat(d.fd, recordName, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	})
	d.Record, err = readRecord(fd, err, d.ID)
	return err
}

// readRecord reads and closes fd, which is state.json of id, unless its opening
// failed already.
func readRecord(fd int, err error, id string) (Record, error) {
	switch err {
	case unix.ENOENT:
		return Record{}, ErrNotExist
	case unix.EMFILE, unix.ENFILE, unix.ENOMEM: // which say nothing of the record
		return Record{}, fmt.Errorf("open %s of container %s: %w", recordName, id, err)
	}
	var r Record
	if err == nil {
		r, err = decodeFile(fd)
		unix.Close(fd)
	}
	if err == nil && r.ID != id {
		err = fmt.Errorf("it is of container %q", r.ID)
	}
	if err != nil {
		return Record{}, damaged(id, err)
	}
	return r, nil
}

var errMissing = errors.New("it is missing")

func damaged(id string, err error) error { return &damageError{id, err} }

// A damageError says that there is a record, and that it cannot be used.
type damageError struct {
	id    string
	cause error
}

func (d *damageError) Error() string {
	return fmt.Sprintf("%s of container %s is damaged: %v; delete --force removes it", recordName, d.id, d.cause)
}

func (d *damageError) Unwrap() error { return d.cause }

func isDamage(err error) bool {
	_, damage := errors.AsType[*damageError](err)
	return damage
}

func decodeFile(fd int) (Record, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return Record{}, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return Record{}, fmt.Errorf("it is no regular file")
	}
	if st.Size > maxRecord {
		return Record{}, fmt.Errorf("it is longer than %d bytes", maxRecord)
	}
	buf := make([]byte, st.Size)
	n := 0
	for n < len(buf) {
		m, err := retry(func() (int, error) { return unix.Read(fd, buf[n:]) })
		if err != nil {
			return Record{}, err
		}
		if m == 0 {
			break
		}
		n += m
	}
	return decode(buf[:n])
}

// Write replaces the record. A reader sees the old one or the new one, and when
// Write fails the old one stays.
func (d *Dir) Write(r Record) error {
	if err := d.Prepare(r); err != nil {
		return err
	}
	return d.replace(0)
}

// Propose puts the record that was prepared in place, for a create that may still
// be killed before its process has leave to go on: until Confirm, the directory
// counts as leftovers as soon as the recorded process is dead. What tells is the
// record of before, which stays beside the new one.
func (d *Dir) Propose() error {
	err := d.replace(unix.RENAME_EXCHANGE)
	if errors.Is(err, unix.EINVAL) { // not every filesystem can (rename(2))
		err = d.replace(0)
	}
	return err
}

// Confirm makes the record that was proposed count for good. The one of before
// stays under another name: whoever removes a container whose record is damaged
// finds there what else is to be removed.
func (d *Dir) Confirm() error {
	err := unix.Renameat(d.fd, tempName, d.fd, firstName)
	if err != nil && err != unix.ENOENT {
		return fmt.Errorf("rename %s/%s: %w", d.Path, tempName, err)
	}
	return nil
}

// Prepare writes a record beside the one that there is.
func (d *Dir) Prepare(r Record) error {
	r.Version, r.ID = RecordVersion, d.ID
	if err := d.write(encode(&r)); err != nil {
		return fmt.Errorf("%s/%s: %w", d.Path, recordName, err)
	}
	d.prepared = r
	return nil
}

// replace puts the record that was prepared in the place of the one that there is.
func (d *Dir) replace(how uint) error {
	if err := unix.Renameat2(d.fd, tempName, d.fd, recordName, how); err != nil {
		if how == 0 {
			unix.Unlinkat(d.fd, tempName, 0)
		}
		return fmt.Errorf("%s/%s: rename: %w", d.Path, recordName, err)
	}
	d.Record = d.prepared
	return nil
}

func (d *Dir) write(text []byte) error {
	if len(text) > maxRecord {
		return fmt.Errorf("it would be longer than %d bytes; shorten the annotations", maxRecord)
	}
	fd, err := d.temp()
	if err == unix.EEXIST { // left by a vial that was killed just here
		if err = unix.Unlinkat(d.fd, tempName, 0); err == nil {
			fd, err = d.temp()
		}
	}
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	for len(text) > 0 && err == nil {
		var n int
		n, err = retry(func() (int, error) { return unix.Write(fd, text) })
		text = text[max(n, 0):]
	}
	if err != nil {
		err = fmt.Errorf("write: %w", err)
	} else if err = unix.Fsync(fd); err != nil {
		err = fmt.Errorf("fsync: %w", err)
	}
	unix.Close(fd)
	if err != nil {
		unix.Unlinkat(d.fd, tempName, 0)
	}
	return err
}

func (d *Dir) temp() (int, error) {
	const flags = unix.O_WRONLY | unix.O_CREAT | unix.O_EXCL | unix.O_NOFOLLOW | unix.O_CLOEXEC
	return retry(func() (int, error) { return unix.Openat(d.fd, tempName, flags, 0o600) })
}
