package main

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/weightspace/weightspace/runtime/spec"
)

// localFile is a source file on this machine.
type localFile struct {
	role, path string
	// upload is its name in the store, below the data set's folder.
	upload string
}

// roleNames are the names under which the files of a role are found in a folder.
type roleNames struct {
	role string
	// names are patterns; those of an earlier one go before those of a later one.
	names []string
	// several files may have the role, in the order of their names.
	several bool
	// optional roles may be missing.
	optional bool
	// upload is the name in the store where it is not the file's own.
	upload string
}

// layout is one way in which a format's files lie in a folder, or in one of its folders.
type layout struct {
	folders []string
	roles   []roleNames
}

var packed = []string{"*.zip", "*.tar.gz", "*.tgz", "*.tar"}

func prefixed(prefix string, names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = prefix + n
	}
	return out
}

// idxNames are MNIST's names of a file: plain or packed, and as some mirrors spell them.
func idxNames(name string) roleNames {
	other := strings.Replace(name, "-idx", ".idx", 1)
	return roleNames{names: []string{name + ".gz", name, other, other + ".gz"}, upload: name}
}

func (r roleNames) as(role string) roleNames {
	r.role = role
	return r
}

func one(role string, names ...string) roleNames { return roleNames{role: role, names: names} }

// layouts are tried in their order.
var layouts = map[string][]layout{
	spec.FormatIDX: {{roles: []roleNames{
		idxNames("train-images-idx3-ubyte").as(spec.RoleTrainImages), idxNames("train-labels-idx1-ubyte").as(spec.RoleTrainLabels),
		idxNames("t10k-images-idx3-ubyte").as(spec.RoleTestImages), idxNames("t10k-labels-idx1-ubyte").as(spec.RoleTestLabels),
	}}},
	spec.FormatCIFAR10: {
		{folders: []string{"cifar-10-batches-bin"}, roles: []roleNames{
			{role: spec.RoleTrain, names: []string{"data_batch_*.bin"}, several: true}, one(spec.RoleTest, "test_batch.bin"),
		}},
		{roles: []roleNames{one(spec.RoleArchive, "cifar-10-binary.tar.gz", "cifar-10-binary.tar")}},
	},
	spec.FormatCIFAR100: {
		{folders: []string{"cifar-100-binary"}, roles: []roleNames{one(spec.RoleTrain, "train.bin"), one(spec.RoleTest, "test.bin")}},
		{roles: []roleNames{one(spec.RoleArchive, "cifar-100-binary.tar.gz", "cifar-100-binary.tar")}},
	},
	spec.FormatSVHN: {{roles: []roleNames{one(spec.RoleTrain, "train_32x32.mat"), one(spec.RoleTest, "test_32x32.mat")}}},
	spec.FormatUSPS: {{roles: []roleNames{one(spec.RoleTrain, "usps.bz2", "usps.gz", "usps"), one(spec.RoleTest, "usps.t.bz2", "usps.t.gz", "usps.t")}}},
	spec.FormatSTL10: {
		{folders: []string{"stl10_binary"}, roles: []roleNames{
			one(spec.RoleTrainImages, "train_X.bin"), one(spec.RoleTrainLabels, "train_y.bin"), one(spec.RoleTestImages, "test_X.bin"), one(spec.RoleTestLabels, "test_y.bin"),
		}},
		{roles: []roleNames{one(spec.RoleArchive, "stl10_binary.tar.gz", "stl10_binary.tar")}},
	},
	spec.FormatImageFolder: {
		{roles: []roleNames{
			one(spec.RoleTrain, prefixed("train", packed)...), one(spec.RoleTest, prefixed("test", packed)...),
			{role: spec.RoleValidation, names: prefixed("val", packed), optional: true},
		}},
		{roles: []roleNames{one(spec.RoleArchive, packed...)}},
	},
	spec.FormatNPZ: {{roles: []roleNames{one(spec.RoleArchive, "*.npz")}}},
	spec.FormatParquet: {{folders: []string{"data"}, roles: []roleNames{
		{role: spec.RoleTrain, names: []string{"train*.parquet"}, several: true},
		{role: spec.RoleTest, names: []string{"test*.parquet"}, several: true},
		{role: spec.RoleValidation, names: []string{"val*.parquet"}, several: true, optional: true},
	}}},
}

// findFiles looks for the files of a format in a folder. Of several layouts the first whose files are all there is taken.
func findFiles(format, dir string) ([]localFile, error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, inputError("--from-dir "+dir, "there is no such folder", "check the path")
	}
	var missing []string
	for _, l := range layouts[format] {
		for _, folder := range append([]string{""}, l.folders...) {
			files, lacks, err := l.find(filepath.Join(dir, folder))
			if err != nil {
				return nil, err
			}
			if lacks == "" {
				return files, nil
			}
			if folder == "" {
				missing = append(missing, lacks)
			}
		}
	}
	return nil, inputError("--from-dir "+dir, "it does not hold the files of format "+format+": "+strings.Join(missing, "; or "), "check the folder, or name the files with flags such as --train")
}

// find returns the layout's files, or which are missing.
func (l layout) find(dir string) (files []localFile, lacks string, err error) {
	var missing []string
	for _, r := range l.roles {
		found, err := r.find(dir)
		if err != nil {
			return nil, "", err
		}
		if len(found) == 0 && !r.optional {
			missing = append(missing, "no "+strings.Join(r.names, " or "))
		}
		files = append(files, found...)
	}
	return files, strings.Join(missing, ", "), nil
}

func (r roleNames) find(dir string) ([]localFile, error) {
	var paths []string
	for _, name := range r.names {
		matches, err := filepath.Glob(filepath.Join(escapeGlob(dir), name))
		if err != nil {
			return nil, err
		}
		for _, m := range matches {
			if info, err := os.Stat(m); err == nil && info.Mode().IsRegular() {
				paths = append(paths, m)
			}
		}
		if len(paths) > 0 && !strings.Contains(name, "*") {
			break // a packed and a plain form of the same file
		}
	}
	if len(paths) > 1 && !r.several {
		names := make([]string, len(paths))
		for i, p := range paths {
			names[i] = filepath.Base(p)
		}
		return nil, inputError("--from-dir "+dir, fmt.Sprintf("several files may be the %s: %s", r.role, strings.Join(names, ", ")), "name one with --"+flagOfRole(r.role))
	}
	var out []localFile
	for _, p := range paths {
		upload := filepath.Base(p)
		if r.upload != "" {
			upload = r.upload
			if strings.HasSuffix(p, ".gz") {
				upload += ".gz"
			}
		}
		out = append(out, localFile{role: r.role, path: p, upload: upload})
	}
	return out, nil
}

// escapeGlob makes a folder's name stand for itself in a pattern.
func escapeGlob(dir string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(dir)
}

// flagOfRole is how a role is spelt on the command line.
func flagOfRole(role string) string {
	var b strings.Builder
	for _, c := range role {
		if c >= 'A' && c <= 'Z' {
			b.WriteByte('-')
			c += 'a' - 'A'
		}
		b.WriteRune(c)
	}
	return b.String()
}

// imageFolders says whether a folder holds a folder per split, as one unpacks them: train with test or val.
func imageFolders(dir string) bool {
	is := func(name string) bool {
		info, err := os.Stat(filepath.Join(dir, name))
		return err == nil && info.IsDir()
	}
	return is("train") && (is("test") || is("val") || is("validation"))
}

// packFolder writes the files below a folder into a tar archive: equal folders give equal bytes.
func packFolder(dir string, to io.Writer) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	w := tar.NewWriter(to)
	var names []string
	err = fs.WalkDir(root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		if err := packFile(w, root, name); err != nil {
			return fmt.Errorf("pack %s: %w", name, err)
		}
	}
	return w.Close()
}

func packFile(w *tar.Writer, root *os.Root, name string) error {
	f, err := root.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: info.Size(), Typeflag: tar.TypeReg, Format: tar.FormatPAX}); err != nil {
		return err
	}
	n, err := io.Copy(w, f)
	if err == nil && n != info.Size() {
		err = errors.New("its size changed while it was read")
	}
	return err
}
