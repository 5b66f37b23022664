// An import that leaves the repository. Refused: rendering reads nothing outside its root.
import '../../../../../../../../../../etc/hostname'
