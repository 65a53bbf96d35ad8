package config

import (
	"strconv"

	"github.com/vial-run/vial/internal/field"
	"golang.org/x/sys/unix"
)

// maxHostname is __NEW_UTS_LEN; sethostname(2) and setdomainname(2) answer
// EINVAL above it.
const maxHostname = 64

func checkHostname(c *checker) {
	checkUTSName(c, "hostname", c.spec.Hostname)
	checkUTSName(c, "domainname", c.spec.Domainname)
}

func checkUTSName(c *checker, name, value string) {
	if value == "" {
		return
	}
	switch {
	case len(value) > maxHostname:
		c.refuse(field.At(name), show(value)+" has "+strconv.Itoa(len(value))+" bytes, the kernel takes 64")
	case control(value):
		c.refuse(field.At(name), show(value)+" holds a control character")
	}
	if !c.cfg.Namespaces.Has(unix.CLONE_NEWUTS) {
		c.refuse(field.At(name), "unable to set "+name+" without a private UTS namespace")
	}
}
