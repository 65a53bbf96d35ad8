package compile

// A pass emits the calls of one concern.
type pass struct {
	name string
	emit func(*compiler)
}

// order is THE list of passes. Each line says why it stands where it does.
func order() []pass {
	return []pass{
		{"birth", birth}, // what is done before the first call
		// Stage 0: the process that vial started. It is the container's first one,
		// or still in the host's namespaces (Input.staged).
		{"undumpable", undumpable},   // first, so that nobody can ever look into the process
		{"name", name},               // before the clone, which hands it on; execve gives the user's own
		{"descriptors", descriptors}, // before the clone, so that nothing the caller leaked goes on
		{"time", timeNamespace},      // before the clone: it is for children only
		{"namespaces", namespaces},   // from here on it is the container's first process
		// Stage 1: that process, still looking at the host's files.
		{"session", session},                  // before anything could give it a controlling terminal
		{"umask", clearUmask},                 // before the first file is made, so that modes are exact
		{"cgroups", enterCgroups},             // before the first file that could count against a limit
		{"cgroup namespace", cgroupNamespace}, // after the cgroups: its root is the cgroup of who unshares it
		{"keyring", keyring},                  // needs nothing, gives the mounts below nothing
		{"network", network},                  // the loopback interface; needs the host's CAP_NET_ADMIN only over its own namespace
		{"propagation", propagation},          // before the first mount, or that mount would reach the host
		{"rootfs", rootfs},                    // with the hidden tmpfs under it; everything below is opened beneath it
		{"mounts", mounts},                    // in the order of config.json, as the spec demands
		{"notify", notify},                    // after mounts, which may cover where it goes
		{"devices", devices},                  // after mounts: /dev is one of them
		{"stdio", stdio},                      // takes its null device from what the pass before has made
		{"hooks", createHooks},                // after the mounts, which they may add to, and before pivot_root; what protects them comes later, as in runc
		{"console", console},                  // after the hooks, which see the caller's terminal as it is; before what covers paths, /dev/console may be one
		{"sysctl", sysctls},                   // through a procfs of its own, so no mount can be in the way
		{"oomScoreAdj", oomScoreAdj},          // through the same procfs
		{"readonlyPaths", readonlyPaths},      // after mounts, which it covers
		{"maskedPaths", maskedPaths},          // after readonlyPaths: a masked path inside a read-only one stays masked
		{"readonly mounts", readonlyMounts},   // late: the mounts above made directories in them
		{"pivot_root", switchRoot},            // the last use of the host's files; closes the way back
		{"hostname", hostname},                // anywhere after the clone; here it is beside its neighbours
		{"umask", setUmask},                   // after the last file of the runtime's own
		{"home", home},                        // opens /etc/passwd of the finished root, while it still may
		{"cwd", workingDirectory},             // as root, since the user may be allowed to be there but not to get there
		{"rlimits", rlimits},                  // needs CAP_SYS_RESOURCE to raise, so before capabilities go; late, since they bind the program too
		{"personality", personality},          // needs nothing, and nothing depends on it
		{"noNewPrivileges", noNewPrivileges},  // needs nothing; before the user changes, as seccomp will need it there
		{"bounding set", boundingSet},         // needs CAP_SETPCAP, which the next passes may take away
		{"user", user},                        // after all that only root may do
		{"capabilities", capabilities},        // after the user: setresuid clears the effective set
		{"cwd as user", lateWorkingDirectory}, // a directory that only the user may enter, as on root-squashed NFS
		{"executable", executable},            // as the user, in the final root; its errors belong to create
		{"SIGTERM", mortal},                   // before create returns, so that none comes too early
		{"ready", ready},                      // all that can fail has been done
		{"start", start},                      // blocks until told
		{"startContainer", startHooks},        // the last thing before the process
		{"execve", execve},
		{"endings", endings}, // where failures lead; jumps go forward, so last
	}
}

// execOrder is the list of passes of a process that joins a container.
func execOrder() []pass {
	return []pass{
		// Stage 0: the process that vial started, in the host's namespaces and,
		// on cgroup v2, in the container's cgroup already.
		{"undumpable", undumpable},   // first, so that the container can never look into the process
		{"descriptors", descriptors}, // before the join, so that nothing the caller leaked goes along
		{"cgroups", enterCgroups},    // before the join: what opens a way to the host's cgroups stays outside
		{"oomScoreAdj", oomScoreAdj}, // through a procfs of the host's, where no mount of the container's can be in the way
		{"join", join},               // after the cgroups: a cgroup namespace does not let one from outside in
		{"process", joinedProcess},   // clone3: a pid namespace takes in new processes only
		// Stage 1: a process of the container, seen by its others.
		{"session", session},                  // before anything could give it a controlling terminal
		{"umask", clearUmask},                 // before the only file that is made, a null device
		{"keyring", keyring},                  // the container's, found by its name
		{"root", joinedRoot},                  // what is opened below is opened beneath it
		{"stdio", joinedStdio},                // while it still may make a device
		{"console", joinedConsole},            // beside it, for the same reason
		{"umask", setUmask},                   // after the last file of the runtime's own
		{"home", home},                        // opens /etc/passwd, while it still may
		{"cwd", existingWorkingDirectory},     // as root, since the user may be allowed to be there but not to get there
		{"rlimits", rlimits},                  // needs CAP_SYS_RESOURCE to raise, so before capabilities go
		{"personality", personality},          // as in order
		{"noNewPrivileges", noNewPrivileges},  // as in order
		{"bounding set", boundingSet},         // needs CAP_SETPCAP, which the next passes may take away
		{"user", user},                        // after all that only root may do
		{"capabilities", capabilities},        // after the user: setresuid clears the effective set
		{"cwd as user", lateWorkingDirectory}, // a directory that only the user may enter, as on root-squashed NFS
		{"executable", executable},            // as the user, in the container's root
		{"ready", ready},                      // all that can fail has been done
		{"execve", execve},
		{"endings", endings}, // where failures lead; jumps go forward, so last
	}
}

// createContainerOrder is the list of passes of a createContainer hook: a
// program of the host's that runs, with all that vial may do, in the namespaces
// of a container that still looks at the host's files.
func createContainerOrder() []pass {
	return []pass{
		{"undumpable", undumpable},
		{"descriptors", descriptors},         // before the join, so that nothing the caller leaked goes along
		{"cgroups", enterCgroups},            // what a hook uses up counts for the container
		{"join", join},                       // after the cgroups: a cgroup namespace does not let one from outside in
		{"process", joinedProcess},           // clone3: a pid namespace takes in new processes only
		{"session", session},                 // a group of its own too, so that a hook that takes too long ends with its children
		{"working directory", hookDirectory}, // after the join: the mount on it is the container's
		{"ready", ready},
		{"execve", createContainerHook},
		{"endings", endings}, // where failures lead; jumps go forward, so last
	}
}
