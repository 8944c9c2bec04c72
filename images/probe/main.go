// Command probe is what hack/cluster/check runs in pods: each argument is one thing that a
// Weightspace pod relies on.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount/"

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: probe api|write|oom|sleep")
		os.Exit(2)
	}
	var err error
	switch os.Args[1] {
	case "api":
		err = callAPI()
	case "write":
		err = os.WriteFile(filepath.Join("/store", os.Getenv("JOB_COMPLETION_INDEX")+".txt"), []byte("written\n"), 0o600)
	case "oom":
		eatMemory()
	case "sleep":
		time.Sleep(time.Hour)
	default:
		err = fmt.Errorf("unknown probe %q", os.Args[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		os.Exit(1)
	}
}

// callAPI asks the API server, through its service address, who this pod is.
func callAPI() error {
	token, err := os.ReadFile(serviceAccount + "token")
	if err != nil {
		return fmt.Errorf("read the token: %w", err)
	}
	ca, err := os.ReadFile(serviceAccount + "ca.crt")
	if err != nil {
		return fmt.Errorf("read the CA: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return errors.New("ca.crt holds no certificate")
	}
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}
	host := net.JoinHostPort(os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT"))
	body := strings.NewReader(`{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}`)
	req, err := http.NewRequest(http.MethodPost, "https://"+host+"/apis/authentication.k8s.io/v1/selfsubjectreviews", body)
	if err != nil {
		return fmt.Errorf("make the request: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+string(token))
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("call the API server: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	fmt.Printf("%s\n%s\n", resp.Status, answer)
	if resp.StatusCode != http.StatusCreated {
		return fmt.Errorf("the API server answered %s", resp.Status)
	}
	return nil
}

// eatMemory touches pages until the kernel ends the process.
func eatMemory() {
	var held [][]byte
	for {
		page := make([]byte, 1<<20)
		for i := range page {
			page[i] = 1
		}
		held = append(held, page)
		if len(held) > 1<<14 {
			fmt.Fprintln(os.Stderr, "no limit within 16 GiB:", len(held))
			os.Exit(3)
		}
	}
}
