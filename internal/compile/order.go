package compile

// A pass emits the calls of one concern.
type pass struct {
	name string
	emit func(*compiler)
}

// order is THE list of passes. Each line says why it stands where it does.
func order() []pass {
	return []pass{
		// Stage 0: the process that vial started, in the host's namespaces.
		{"undumpable", undumpable},   // first, so that nobody can ever look into the process
		{"name", name},               // before the clone, which hands it on; execve gives the user's own
		{"descriptors", descriptors}, // before the clone, so that nothing the caller leaked goes on
		{"namespaces", namespaces},   // clone3; from here on it is the container's first process
		// Stage 1: the container's first process, still looking at the host's files.
		{"session", session},                  // before anything could give it a controlling terminal
		{"umask", clearUmask},                 // before the first file is made, so that modes are exact
		{"cgroups", enterCgroups},             // before the cgroup namespace: its root is the cgroup of who unshares it
		{"keyring", keyring},                  // needs nothing, gives the mounts below nothing
		{"network", network},                  // the loopback interface; needs the host's CAP_NET_ADMIN only over its own namespace
		{"propagation", propagation},          // before the first mount, or that mount would reach the host
		{"rootfs", rootfs},                    // with the hidden tmpfs under it; everything below is opened beneath it
		{"mounts", mounts},                    // in the order of config.json, as the spec demands
		{"devices", devices},                  // after mounts: /dev is one of them
		{"stdio", stdio},                      // takes its null device from what the pass before has made
		{"sysctl", sysctls},                   // through a procfs of its own, so no mount can be in the way
		{"oomScoreAdj", oomScoreAdj},          // through the same procfs
		{"readonlyPaths", readonlyPaths},      // after mounts, which it covers
		{"maskedPaths", maskedPaths},          // after readonlyPaths: a masked path inside a read-only one stays masked
		{"readonly mounts", readonlyMounts},   // late: the mounts above made directories in them
		{"pivot_root", pivot},                 // the last use of the host's files; closes the way back
		{"hostname", hostname},                // anywhere after the clone; here it is beside its neighbours
		{"umask", setUmask},                   // after the last file of the runtime's own
		{"home", home},                        // reads /etc/passwd of the finished root, while it still may
		{"cwd", workingDirectory},             // as root, since the user may be allowed to be there but not to get there
		{"rlimits", rlimits},                  // needs CAP_SYS_RESOURCE to raise, so before capabilities go; late, since they bind the program too
		{"noNewPrivileges", noNewPrivileges},  // needs nothing; before the user changes, as seccomp will need it there
		{"bounding set", boundingSet},         // needs CAP_SETPCAP, which the next passes may take away
		{"user", user},                        // after all that only root may do
		{"capabilities", capabilities},        // after the user: setresuid clears the effective set
		{"cwd as user", lateWorkingDirectory}, // a directory that only the user may enter, as on root-squashed NFS
		{"executable", executable},            // as the user, in the final root; its errors belong to create
		{"ready", ready},                      // all that can fail has been done
		{"start", start},                      // blocks until told
		{"execve", execve},
		{"endings", endings}, // where failures lead; jumps go forward, so last
	}
}
