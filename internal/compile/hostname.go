package compile

// hostname sets the names of the uts namespace.
func hostname(c *compiler) {
	if c.spec.Hostname != "" {
		c.Step(at("hostname"), "set the hostname "+c.spec.Hostname)
		c.Sethostname(c.spec.Hostname)
	}
	if c.spec.Domainname != "" {
		c.Step(at("domainname"), "set the domain name "+c.spec.Domainname)
		c.Setdomainname(c.spec.Domainname)
	}
}
