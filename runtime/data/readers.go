package data

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weightspace/weightspace/runtime/spec"
)

// readers fill a builder's collectors, by format.
var readers = map[string]func(*builder) error{
	spec.FormatIDX:         readIDXSet,
	spec.FormatCIFAR10:     readCIFAR10,
	spec.FormatCIFAR100:    readCIFAR100,
	spec.FormatSVHN:        readSVHN,
	spec.FormatUSPS:        readUSPS,
	spec.FormatSTL10:       readSTL10,
	spec.FormatImageFolder: readImageFolder,
	spec.FormatNPZ:         readNPZ,
	spec.FormatParquet:     readParquet,
}

// checkSpec wants the roles that the format takes, a transform within reach, and options that the format
// knows.
func checkSpec(d *spec.Dataset) error {
	if err := checkRoles(d); err != nil {
		return err
	}
	if err := checkTransform(d.Transform); err != nil {
		return err
	}
	o := d.Options
	if o == nil {
		return nil
	}
	switch {
	case o.Labels != "" && d.Format != spec.FormatCIFAR100:
		return &SourceError{"options.labels", "only format cifar100 has it; remove it", nil}
	case !slices.Contains([]string{"", spec.LabelsFine, spec.LabelsCoarse}, o.Labels):
		return &SourceError{"options.labels", fmt.Sprintf("%q is unknown; use fine or coarse", o.Labels), nil}
	case o.ImageColumn != "" && d.Format != spec.FormatParquet:
		return &SourceError{"options.imageColumn", "only format parquet has it; remove it", nil}
	case o.LabelColumn != "" && d.Format != spec.FormatParquet:
		return &SourceError{"options.labelColumn", "only format parquet has it; remove it", nil}
	}
	return nil
}

// checkRoles wants the files to fit one of the format's sets of roles.
func checkRoles(d *spec.Dataset) error {
	var choices []string
	for _, roles := range spec.FormatRoles(d.Format) {
		if fits(d.Files, roles) {
			return nil
		}
		choices = append(choices, describe(roles))
	}
	return &SourceError{"files", fmt.Sprintf("format %s does not take the roles %s; give %s", d.Format, rolesOf(d.Files), strings.Join(choices, ", or ")), nil}
}

func fits(files []spec.File, roles []spec.RoleCount) bool {
	left := len(files)
	for _, r := range roles {
		n := 0
		for _, f := range files {
			if f.Role == r.Role {
				n++
			}
		}
		if n < r.Min || n > r.Max {
			return false
		}
		left -= n
	}
	return left == 0
}

func describe(roles []spec.RoleCount) string {
	var out []string
	for _, r := range roles {
		text := r.Role
		if r.Max > 1 {
			text += " (one or more)"
		}
		if r.Min == 0 {
			text += " (optional)"
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

func rolesOf(files []spec.File) string {
	var out []string
	for _, f := range files {
		out = append(out, f.Role)
	}
	if out == nil {
		return "of no file"
	}
	return strings.Join(out, ", ")
}
