"""The methods of ``ds.ptyxr`` by what they are for, each handing on to a function."""
