package compile

import (
	"github.com/vial-run/vial/internal/config"
	"github.com/vial-run/vial/internal/program"
	"golang.org/x/sys/unix"
)

// Where a container finds the socket on which its process says that it is ready
// (sd_notify(3)): a directory, so that the socket may be made after the mount.
const notifyDir = "/run/notify"

// NotifySocket is the socket's path in the container.
const NotifySocket = notifyDir + "/notify.sock"

// notify mounts the directory of that socket. It is no mount of the config's,
// and comes behind those, which may cover /run.
func notify(c *compiler) {
	if c.in.NotifyDir == "" {
		return
	}
	c.mountOne(mountStep{
		Mount: config.Mount{
			Kind: config.KindBind, Type: "bind", Source: c.in.NotifyDir, Destination: notifyDir,
			Set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC,
		},
		index: -1, origin: program.Runtime,
	})
}
