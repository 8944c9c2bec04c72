package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDockerfilesAgree compares the Dockerfiles, which cannot be built where the tests run, with
// what this program builds: flags, environment, user and entry point.
func TestDockerfilesAgree(t *testing.T) {
	for _, name := range []string{"manager", "runtime"} {
		images, err := selectImages([]string{name})
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join("..", "..", "images", name, "Dockerfile"))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{
			"CGO_ENABLED=0",
			`go build -trimpath -buildvcs=false -ldflags "-s -w -buildid= -X main.releaseVersion=$VERSION" -o /out/` + images[0].binary + " " + images[0].pkg + "\n",
			"COPY --from=build /out/" + images[0].binary + " /" + images[0].binary + "\n",
			"ENV PATH=/ SSL_CERT_FILE=/" + caPath + " HOME=/tmp\n",
			"USER 65532:65532\n",
			`ENTRYPOINT ["/` + images[0].binary + "\"]\n",
			`org.opencontainers.image.title="` + name + `"`,
			"nonroot:x:65532:65532:nonroot:/tmp:/sbin/nologin",
		} {
			if !strings.Contains(string(b), want) {
				t.Errorf("images/%s/Dockerfile lacks %q", name, want)
			}
		}
	}
}
