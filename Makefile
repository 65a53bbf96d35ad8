# make demo   build vial, then make and run a first container by hand
# make test   every test that this machine can run (as root, for the containers)
# make check  format, vet for both CPUs, staticcheck
# make fuzz   every fuzz target for a short while (FUZZTIME=10s)
# make bench  vial against runc and crun (RUNC=…, CRUN=… name theirs)

export CGO_ENABLED = 0
GO       ?= go
FUZZTIME ?= 10s
VERSION  ?= 0.1.0-dev
COMMIT   := $(shell git rev-parse --short HEAD 2>/dev/null || echo unknown)
LDFLAGS   = -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)

.PHONY: all vial install demo test check fuzz bench clean

all: vial

vial:
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/vial ./cmd/vial

PREFIX ?= /usr/local
install: vial
	install -D -m 0755 bin/vial $(DESTDIR)$(PREFIX)/bin/vial

demo: vial
	sh demo/demo.sh

# Tests that start containers need root and say so when they skip. Packages
# run one after another: some of them count what the host has.
test: vial
	@$(GO) test -p 1 -count=1 -json ./... | $(GO) run ./test/report

check:
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "gofmt would change these files"; exit 1; }
	$(GO) vet ./...
	GOARCH=arm64 $(GO) vet ./...
	staticcheck ./...

fuzz:
	FUZZTIME=$(FUZZTIME) sh test/fuzz.sh

bench: vial
	$(GO) run ./bench $(BENCHFLAGS)

clean:
	rm -rf bin
